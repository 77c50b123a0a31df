FROM ruby:3.2-alpine
RUN set -eux; \
	apk add --no-cache --virtual .build-deps \
		build-base \
		postgresql-dev \
	; \
	\
	gem install bundler -v '~> 2.5'; \
	# the dependencies found by the scanner
	runDeps="$( \
		scanelf --needed --nobanner --format '%n#p' --recursive /usr/local \
			| tr ',' '\n' \
			| sort -u \
			| awk 'system("[ -e /usr/local/lib/" $1 " ]") == 0 { next } { print "so:" $1 }' \
	)"; \
	apk add --no-cache --virtual .ruby-rundeps $runDeps; \
	apk del --no-network .build-deps
WORKDIR /app
ADD Gemfile Gemfile.lock /app/
RUN bundle
ADD . /app
#dev-cmd-live=bundle exec rerun --background --force-polling -- rackup -o 0.0.0.0
CMD bundle exec rackup --host 0.0.0.0 -p 4567
