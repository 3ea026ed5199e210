# One image for web, worker and Flower; compose.yaml has their commands.
FROM python:3.11-slim

# Lines are printed at once, and nothing is written beside the code, which is read-only.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

# The code belongs to root, so the processes cannot change it.
COPY gunicorn.conf.py celeryconfig.py flowerconfig.py ./
COPY chat ./chat
COPY web ./web
COPY tasks ./tasks

RUN useradd --system --uid 10001 --no-create-home chat
USER 10001

EXPOSE 3500
CMD ["gunicorn"]
