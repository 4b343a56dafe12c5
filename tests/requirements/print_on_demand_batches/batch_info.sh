curl http://localhost:5000/api/batch/batch_abc123def456 | python3 -m json.tool
