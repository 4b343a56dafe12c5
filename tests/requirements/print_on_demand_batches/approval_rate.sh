# Get batch
BATCH_DATA=$(curl -s "http://localhost:5000/api/batch/$BATCH_ID")

# Count approved
APPROVED=$(echo "$BATCH_DATA" | python3 -c "
import sys, json
data = json.load(sys.stdin)
print(sum(1 for img in data['images'] if img['status'] == 'approved'))
")

echo "Approval rate: $APPROVED / ${BATCH_SIZE}"
