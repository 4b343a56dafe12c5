# Halloween collection
curl -X POST http://localhost:5000/api/generate \
  -H "Content-Type: application/json" \
  -d '{
    "prompt": "spooky halloween pumpkin",
    "batch_size": 15,
    "style": "vintage",
    "genre": "horror"
  }'
