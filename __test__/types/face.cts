// The same package as CommonJS sees it.
import warmpath = require('warmpath');
import compat = require('warmpath/compat/mediaPrewarmWorker');
import r2Service = require('warmpath/compat/r2Service');

const queue: warmpath.Queue<string> = new warmpath.Queue<string>();
const items: string[] = queue.toArray();
const err: warmpath.WarmpathError = new warmpath.WarmpathError('ERR_WARMPATH_CLOSED', 'x', { cause: new Error('y') });
const kind: warmpath.MediaKind = 'video_note';
const running: boolean = compat.getWorkerController().isRunning();
const key: Buffer = r2Service.getSigningKey('s', '20261122', 'auto', 's3');
// @ts-expect-error: not exported
warmpath.native;

export = { items, err, kind, running, key };
