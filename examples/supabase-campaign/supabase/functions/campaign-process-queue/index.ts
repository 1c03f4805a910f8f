import { campaignProcessQueue } from './handler.js';

Deno.serve(campaignProcessQueue(Deno.env.toObject()));
