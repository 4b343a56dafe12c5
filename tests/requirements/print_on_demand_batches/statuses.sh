# Get batch info
BATCH_DATA=$(curl -s "http://localhost:5000/api/batch/$BATCH_ID")

# For each image, get metrics
echo "$BATCH_DATA" | python3 -c "
import sys, json
data = json.load(sys.stdin)
for img in data['images']:
    print(f\"{img['id']}: {img['status']}\")
"

# Compare which variations performed best
# Disable low performers
# Expand top performers to more product types
