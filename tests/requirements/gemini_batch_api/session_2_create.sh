# Create batch job
curl -X POST http://localhost:3001/batch/create \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "type": "character",
    "requests": [
      {"prompt": "Anime girl with blue hair, front pose"},
      {"prompt": "Anime girl with blue hair, side pose"}
    ]
  }'
