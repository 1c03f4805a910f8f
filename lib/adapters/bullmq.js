'use strict';

const { jobId } = require('./bullmq/job-options.js');
const { processor, closeWorker } = require('./bullmq/processor.js');
const { producer } = require('./bullmq/producer.js');

module.exports = { processor, producer, closeWorker, jobId };
