# Generate 5 variations
curl -X POST http://localhost:5000/api/generate \
  -H "Content-Type: application/json" \
  -d '{
    "prompt": "retro gaming controller",
    "batch_size": 5
  }'

# Approve all 5
# Publish all 5 to Shopify
# Monitor performance metrics
# Disable low performers after 14 days
