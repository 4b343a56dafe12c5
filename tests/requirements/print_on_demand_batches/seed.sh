# First image uses seed 12345, rest are random
curl -X POST http://localhost:5000/api/generate \
  -H "Content-Type: application/json" \
  -d '{
    "prompt": "geometric pattern",
    "batch_size": 10,
    "seed": 12345
  }'
