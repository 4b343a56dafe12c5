"""RunPod's serverless API (api.runpod.ai/v2) with one endpoint, whose worker is worker-comfyui."""
