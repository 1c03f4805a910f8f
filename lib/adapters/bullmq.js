'use strict';

const { jobId } = require('./bullmq/job-options.js');
const { processor, closeWorker } = require('./bullmq/processor.js');
const { ProcessMedia } = require('./bullmq/process-media.js');
const { producer } = require('./bullmq/producer.js');
const { redisEnv } = require('./bullmq/redis-env.js');

module.exports = { processor, producer, closeWorker, jobId, ProcessMedia, redisEnv };
