# A service for one exported network, without TensorFlow: `dvc repro export`, then
#   docker build --tag onehot-service . && docker run --publish 8000:8000 onehot-service
FROM python:3.13-slim

# Every package is checked against its hash. requirements/serve.lock holds what the service needs, and nothing else.
COPY requirements/serve.lock /tmp/serve.lock
RUN pip install --no-cache-dir --require-hashes --requirement /tmp/serve.lock \
    && rm /tmp/serve.lock \
    && useradd --uid 1000 --create-home service

# The folder of an export holds the network and the code that runs it.
COPY --chown=1000:1000 export/numpy /home/service/model
USER 1000
WORKDIR /home/service/model
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"]
CMD ["python", "-m", "portable.service", "--host", "0.0.0.0"]
