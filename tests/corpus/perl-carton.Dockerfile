FROM perl:5.38-slim
RUN cpanm --notest Carton
WORKDIR /app
COPY cpanfile cpanfile.snapshot ./
RUN carton install --deployment
COPY . .
RUN perl -Ilib -c bin/app.pl && perl -ne 'print if /^#/ && !/\\$/' README > /NOTES
CMD ["carton", "exec", "plackup", "-p", "5000", "bin/app.psgi"]
