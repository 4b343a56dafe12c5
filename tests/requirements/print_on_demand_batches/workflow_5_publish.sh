# Publish each approved image
for IMG_ID in $IMAGE_IDS; do
  echo "Publishing $IMG_ID..."
  curl -s -X POST "http://localhost:5000/api/publish/$IMG_ID" \
    -H "Content-Type: application/json" \
    -d '{
      "title": "",
      "product_type": "hoodie",
      "platform": "printify"
    }'
done
