# Check status
curl http://localhost:3001/batch/status/<generation-id> \
  -H "Authorization: Bearer $TOKEN"
