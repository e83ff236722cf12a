"""What most people write: FastAPI, pandas, scikit-learn."""

import io
import os

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()
model = joblib.load(os.environ["MODEL"])


def predict(frame):
    if not hasattr(model, "predict_proba"):
        return model.predict(frame.to_numpy())
    probabilities = model.predict_proba(frame.to_numpy())
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities


@app.get("/ping")
def ping():
    return {}


@app.post("/invocations")
async def invocations(request: Request):
    body = await request.body()
    if request.headers["content-type"] == "text/csv":
        frame = pd.read_csv(io.BytesIO(body), header=None)
        return Response(pd.DataFrame(predict(frame)).to_csv(index=False, header=False), media_type="text/csv")
    frame = pd.DataFrame((await request.json())["instances"])
    return {"predictions": predict(frame).tolist()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
