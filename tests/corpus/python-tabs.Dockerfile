FROM	python:3.11-slim
ENV	PYTHONUNBUFFERED=1
RUN	pip install \
		flask \
		gunicorn
COPY	.	/app
CMD	gunicorn	-b	0.0.0.0:80	app:app
