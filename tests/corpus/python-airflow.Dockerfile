ARG AIRFLOW=2.8.1
FROM apache/airflow:${AIRFLOW}-python3.11
USER root
RUN apt-get update -qq && apt-get install -yqq --no-install-recommends git vim \
	&& apt-get autoremove -yqq --purge && apt-get clean && rm -rf /var/lib/apt/lists/*
USER airflow
COPY --chown=airflow:root --chmod=0664 dags/ /opt/airflow/dags/
ENV AIRFLOW__CORE__LOAD_EXAMPLES='False' AIRFLOW__WEBSERVER__EXPOSE_CONFIG="True"
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" 'apache-airflow-providers-ssh>=3'
