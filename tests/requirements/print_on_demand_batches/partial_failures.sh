# Check if any images failed
SUCCESS_COUNT=$(echo "$BATCH_RESULT" | python3 -c "import sys, json; print(json.load(sys.stdin)['success_count'])")
BATCH_SIZE=$(echo "$BATCH_RESULT" | python3 -c "import sys, json; print(json.load(sys.stdin)['batch_size'])")

if [ "$SUCCESS_COUNT" -lt "$BATCH_SIZE" ]; then
  echo "Warning: Only $SUCCESS_COUNT of $BATCH_SIZE images generated"
  # Re-run failed images individually
fi
