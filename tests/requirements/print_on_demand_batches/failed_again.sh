# Get successfully generated images
curl -s "http://localhost:5000/api/batch/$BATCH_ID" | python3 -m json.tool

# Re-run failed images individually
curl -X POST http://localhost:5000/api/generate \
  -d '{"prompt": "same prompt", "batch_size": 1}'
