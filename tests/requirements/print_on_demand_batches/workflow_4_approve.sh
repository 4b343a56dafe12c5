# Get all image IDs from batch
IMAGE_IDS=$(curl -s "http://localhost:5000/api/batch/$BATCH_ID" | \
  python3 -c "import sys, json; data=json.load(sys.stdin); print(' '.join([img['id'] for img in data['images']]))")

# Approve each image
for IMG_ID in $IMAGE_IDS; do
  echo "Approving $IMG_ID..."
  curl -s -X POST "http://localhost:5000/api/approve/$IMG_ID"
done
