FROM ruby:3.1 AS jekyll
RUN gem install jekyll:4.3 bundler
WORKDIR /srv/jekyll
ONBUILD COPY Gemfile* ./
ONBUILD RUN bundle install --jobs "$(nproc)"
ONBUILD COPY . .

FROM jekyll AS site
RUN jekyll build -d /out

FROM nginx:alpine
COPY --from=site /out/ /usr/share/nginx/html/
