# All images store batch metadata
curl -s http://localhost:5000/api/images | python3 -m json.tool

# Look for images with same prompt/timestamp
# Check metadata.batch_id field
