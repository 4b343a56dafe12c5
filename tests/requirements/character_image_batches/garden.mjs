// Generate 5 images for a character
const response = await fetch('/api/image-generation/generate', {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    'Authorization': `Bearer ${token}`
  },
  body: JSON.stringify({
    characterId: '123',
    prompt: 'character in a beautiful garden',
    numImages: 5,
    width: 1024,
    height: 1536
  })
});

const result = await response.json();
console.log(`Generated ${result.data.generatedCount} images:`, result.data.imageUrls);

// Get all character images
const imagesResponse = await fetch(`/api/image-generation/character/123`, {
  headers: { 'Authorization': `Bearer ${token}` }
});

const images = await imagesResponse.json();
console.log(`Character has ${images.data.totalCount} total images`);
