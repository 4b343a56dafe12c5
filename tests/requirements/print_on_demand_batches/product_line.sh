curl -X POST http://localhost:5000/api/generate \
  -H "Content-Type: application/json" \
  -d '{
    "prompt": "mountain landscape sunset",
    "batch_size": 10,
    "style": "minimalist",
    "genre": "nature"
  }'
