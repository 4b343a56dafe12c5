BATCH_RESULT=$(curl -s -X POST http://localhost:5000/api/generate \
  -H "Content-Type: application/json" \
  -d '{
    "prompt": "cyberpunk cityscape",
    "batch_size": 5
  }')

echo "$BATCH_RESULT" | python3 -m json.tool
