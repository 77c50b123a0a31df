FROM continuumio/miniconda3:24.1.2-0
SHELL ["/bin/bash", "--login", "-c"]
COPY environment.yml .
RUN conda env create -f environment.yml && conda clean -afy
RUN echo "conda activate science" >> ~/.bashrc
SHELL ["conda", "run", "--no-capture-output", "-n", "science", "/bin/bash", "-c"]
RUN python -c "import numpy; print(numpy.__version__)"
WORKDIR /notebooks
COPY *.ipynb ./
EXPOSE 8888
ENTRYPOINT ["conda", "run", "--no-capture-output", "-n", "science"]
CMD ["jupyter", "lab", "--ip=*", "--no-browser", "--allow-root"]
