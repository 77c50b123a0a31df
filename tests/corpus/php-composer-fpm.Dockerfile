FROM composer:2 AS vendor
WORKDIR /app
COPY database/ database/
COPY composer.json composer.lock ./
RUN composer install \
    --ignore-platform-reqs \
    --no-interaction \
    --no-plugins \
    --no-scripts \
    --prefer-dist

FROM node:20 AS frontend
WORKDIR /app
COPY package.json vite.config.js package-lock.json ./
COPY resources/ resources/
RUN npm ci && npm run build

FROM php:8.3-fpm-alpine
RUN docker-php-ext-install pdo_mysql opcache \
 && { \
      echo 'opcache.memory_consumption=128'; \
      echo 'opcache.interned_strings_buffer=8'; \
      echo 'opcache.validate_timestamps=0'; \
    } > /usr/local/etc/php/conf.d/opcache-recommended.ini
COPY . /var/www/html
COPY --from=vendor /app/vendor/ /var/www/html/vendor/
COPY --from=frontend /app/public/build/ /var/www/html/public/build/
RUN chown -R www-data: /var/www/html/storage /var/www/html/bootstrap/cache
