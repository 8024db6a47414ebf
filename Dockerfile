# docker build -t agent-gate . ; docker-compose.yml runs it
FROM python:3.12-slim

# Logs at once, and no bytecode written into a file system that may be read-only
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

WORKDIR /app

COPY pyproject.toml README.md LICENSE /usr/src/agent-gate/
COPY src /usr/src/agent-gate/src
COPY spec/vectors /usr/src/agent-gate/spec/vectors
RUN pip install --no-cache-dir "/usr/src/agent-gate[speed,telegram]"

# 1000 is the first user of most machines: what it mounts is readable, and data/ is writable
RUN groupadd --gid 1000 agent-gate \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /app agent-gate \
 && install --directory --owner=1000 --group=1000 --mode=0700 /app/data
USER 1000:1000

VOLUME /app/data
EXPOSE 8443

HEALTHCHECK --interval=30s --timeout=10s --start-period=15s CMD ["agent-gate", "health"]

# Reachable from outside the container; so it starts only with gateway.tls, or, behind a proxy that
# adds TLS, with gateway.insecure
CMD ["agent-gate", "--host", "::"]
