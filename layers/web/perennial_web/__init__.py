"""The API: what people and programs may ask of the system over HTTP. FastAPI on the core's ports; no boto3 here."""
