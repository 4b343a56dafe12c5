"""Image models on this machine, through the diffusers library; an extra (`./run extra diffusers`).

`settings` and `provider` import without torch. The rest does not: `provider` imports it in the lane's own thread, when
the model is loaded.
"""
