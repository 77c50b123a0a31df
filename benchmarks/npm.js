// Follows a context with npm livepush, as its README does it: CONTAINER is kept up, the working
// directory is the context. What the library lets escape ends the process, as it would its users'.
const fs = require('fs');
const chokidar = require('chokidar');

// setupFsWatcher keeps its watcher to itself; only the watcher knows when it is ready.
const watch = chokidar.watch;
chokidar.watch = (...words) => watch(...words).on('ready', () => console.log('ready'));

const Docker = require('dockerode');
const { Livepush, setupFsWatcher } = require('livepush');

const [socketPath, containerId] = process.argv.slice(2);
Livepush.init({
  dockerfileContent: fs.readFileSync('Dockerfile'),
  context: '.',
  containerId,
  stageImages: [],
  docker: new Docker({ socketPath }),
}).then((livepush) => setupFsWatcher(livepush, '.'));
