# Morning batch
curl -X POST http://localhost:5000/api/generate \
  -d '{"prompt": "abstract geometric", "batch_size": 25}'

# Afternoon batch
curl -X POST http://localhost:5000/api/generate \
  -d '{"prompt": "nature landscape", "batch_size": 25}'

# Result: 50 designs in one day
