"""The interfaces of systems that users had before, each as thin translations to the calls of `/v1`: a file for each."""
