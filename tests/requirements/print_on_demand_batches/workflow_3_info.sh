curl -s "http://localhost:5000/api/batch/$BATCH_ID" | python3 -m json.tool
