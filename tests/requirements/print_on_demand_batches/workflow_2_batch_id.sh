BATCH_ID=$(echo "$BATCH_RESULT" | python3 -c "import sys, json; print(json.load(sys.stdin)['batch_id'])")
echo "Batch ID: $BATCH_ID"
