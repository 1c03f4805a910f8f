'use strict';

// As the Bot API words it; 'wrong file identifier/HTTP URL specified' is said of a file_id and of a URL alike.
const STALE = /wrong (remote )?file[_ ]id|invalid file_id|file_reference_(expired|invalid|empty)/i;

/**
 * Whether a failed send says that its file_id is not, or no longer, one of this bot: then `worker.heal(fileId)`.
 *
 * @param {unknown} error what the Bot API client threw (its `description`, else its `message`, is read), or that text
 * @returns {boolean}
 */
function isStaleFileId(error) {
  const text =
    typeof error === 'string' ? error : (error?.description ?? error?.response?.description ?? error?.message);
  return typeof text === 'string' && STALE.test(text);
}

module.exports = { isStaleFileId };
