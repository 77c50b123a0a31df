FROM julia:1.10
WORKDIR /app
COPY Project.toml Manifest.toml ./
RUN julia --project=. -e 'using Pkg; Pkg.instantiate(); Pkg.precompile()'
COPY src/ src/
ENTRYPOINT ["julia", "--project=.", "src/main.jl"]
