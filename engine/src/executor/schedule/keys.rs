//! Names to numbers: bots, their chats, and the flows between them. What is idle is forgotten.

use std::{
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use super::{
    Scheduler,
    bot::{Bot, Chat},
    flow::Flow,
    slab::Id,
};
use crate::{
    clock::Tick,
    executor::{job::Job, limits::ChatKind},
};

/// Fewer names than this are not worth a look.
const LEAST_SWEPT: usize = 256;

impl<J: Job> Scheduler<J> {
    /// The job with that key.
    pub(super) fn find(&self, key: &str) -> Option<Id> {
        self.find_hashed(self.hasher.hash_one(key), key)
    }

    /// The same, with the key's hash.
    pub(super) fn find_hashed(&self, hash: u64, key: &str) -> Option<Id> {
        self.keys.find(hash, |id| self.entries.get(*id).is_some_and(|entry| entry.job.key() == key)).copied()
    }

    pub(super) fn bot(&mut self, name: &str, now: Tick) -> Id {
        let hash = self.hasher.hash_one(name);
        let known = self.bot_names.find(hash, |id| self.bots.get(*id).is_some_and(|bot| *bot.name == *name));
        if let Some(id) = known {
            return *id;
        }
        self.sweep(now);
        let id = self.bots.insert(Bot::new(name, hash));
        let bots = &self.bots;
        self.bot_names.insert_unique(hash, id, |id| bots.get(*id).map_or(0, |bot| bot.hash));
        id
    }

    pub(super) fn chat(&mut self, bot: Id, name: &str, now: Tick) -> Id {
        let hash = self.hasher.hash_one((bot, name));
        let is_it = |id: &Id| self.chats.get(*id).is_some_and(|chat| chat.bot == bot && *chat.id == *name);
        if let Some(id) = self.chat_names.find(hash, is_it) {
            return *id;
        }
        // Held while the sweep runs, which forgets bots without chats.
        if let Some(bot) = self.bots.get_mut(bot) {
            bot.chats += 1;
        }
        self.sweep(now);
        let kind = ChatKind::of_id(name);
        let gate = super::gate::Gate::default();
        let (id, flows) = (name.into(), Vec::new());
        let id = self.chats.insert(Chat { bot, id, hash, kind, gate, upload: Duration::ZERO, flows, moved: None });
        let chats = &self.chats;
        self.chat_names.insert_unique(hash, id, |id| chats.get(*id).map_or(0, |chat| chat.hash));
        id
    }

    /// The chat that this one is now.
    pub(super) fn real(&self, chat: Id) -> Id {
        self.chats.get(chat).and_then(|chat| chat.moved).unwrap_or(chat)
    }

    /// A group became a supergroup, which has another id: one chat with two names has one gate.
    pub(super) fn moved(&mut self, old: Id, to: &str, now: Tick) {
        let Some(bot) = self.chats.get(old).map(|chat| chat.bot) else { return };
        // Found or made without a sweep, which could take either of the two.
        let sweep_at = std::mem::replace(&mut self.sweep_at, usize::MAX);
        let new = self.chat(bot, to, now);
        self.sweep_at = sweep_at;
        // A chat that moves back and forth would be a circle.
        if new == old || self.real(new) != new {
            return;
        }
        let fresh = self.chats.get(new).is_some_and(|chat| chat.flows.is_empty());
        let Some(chat) = self.chats.get_mut(old) else { return };
        chat.moved = Some(new);
        let (flows, kind, upload) = (chat.flows.clone(), chat.kind, chat.upload);
        let (gate, limits, planted) = (std::mem::take(&mut chat.gate), self.limits, self.planted);
        let Some(chat) = self.chats.get_mut(new) else { return };
        if fresh {
            // Nobody has sent to it by its new name: what was sent by the old one is all there is to know.
            (chat.gate, chat.kind, chat.upload) = (gate, kind, upload);
        } else if let Some(limits) = limits {
            // Of two histories the longer one counts, and the send that has just told.
            chat.gate.book(&limits.of_chat(chat.kind), &limits, now, planted);
        }
        if let Some(bot) = self.bots.get_mut(bot) {
            bot.renamed(old, new);
        }
        chat.flows.extend(flows.iter().filter(|flow| !chat.flows.contains(flow)).copied().collect::<Vec<_>>());
        for flow in flows {
            self.place_flow(flow, now);
        }
    }

    /// The flow of a bot to these chats.
    pub(super) fn flow<'a>(&mut self, bot: Id, names: impl ExactSizeIterator<Item = &'a str> + Clone, now: Tick) -> Id {
        let hash = {
            let mut hasher = self.hasher.build_hasher();
            hasher.write_u32(bot);
            for name in names.clone() {
                hasher.write(name.as_bytes());
                hasher.write_u8(0xff);
            }
            hasher.finish()
        };
        let is_it = |id: &Id| {
            self.flows.get(*id).is_some_and(|flow| {
                flow.bot == bot
                    && flow.chats.len() == names.len()
                    && flow
                        .chats
                        .iter()
                        .zip(names.clone())
                        .all(|(chat, name)| self.chats.get(*chat).is_some_and(|chat| *chat.id == *name))
            })
        };
        if let Some(id) = self.flow_names.find(hash, is_it) {
            return *id;
        }
        if let Some(bot) = self.bots.get_mut(bot) {
            bot.live += 1;
        }
        self.sweep(now);
        let mut chats = Vec::with_capacity(names.len());
        // A chat has no flow yet while its neighbours are made; a sweep in between would take it.
        let sweep_at = std::mem::replace(&mut self.sweep_at, usize::MAX);
        for name in names {
            chats.push(self.chat(bot, name, now));
        }
        self.sweep_at = sweep_at;
        let id = self.flows.insert(Flow::new(bot, chats.clone().into(), hash));
        for chat in chats.into_iter().flat_map(|chat| [chat, self.real(chat)]).collect::<Vec<_>>() {
            if let Some(chat) = self.chats.get_mut(chat)
                && !chat.flows.contains(&id)
            {
                chat.flows.push(id);
            }
        }
        if let Some(bot) = self.bots.get_mut(bot) {
            bot.live -= 1;
            bot.flows.push(id);
        }
        let flows = &self.flows;
        self.flow_names.insert_unique(hash, id, |id| flows.get(*id).map_or(0, |flow| flow.hash));
        id
    }

    /// Forgets flows without jobs, chats without flows and bots without either, once nothing that they did matters any
    /// more. Runs when their number has doubled since it last ran, so that its cost for each new name is constant.
    fn sweep(&mut self, now: Tick) {
        if self.bots.len() + self.chats.len() + self.flows.len() < self.sweep_at {
            return;
        }
        let idle: Vec<Id> = self
            .flows
            .iter()
            .filter(|(_, flow)| flow.live == 0 && flow.promises.are_over(now))
            .map(|(id, _)| id)
            .collect();
        for id in idle {
            let Some(flow) = self.flows.remove(id) else { continue };
            if let Ok(found) = self.flow_names.find_entry(flow.hash, |known| *known == id) {
                found.remove();
            }
            if let Some(bot) = self.bots.get_mut(flow.bot) {
                bot.flows.retain(|known| *known != id);
            }
            for chat in flow.chats.iter().flat_map(|chat| [*chat, self.real(*chat)]).collect::<Vec<_>>() {
                if let Some(chat) = self.chats.get_mut(chat) {
                    chat.flows.retain(|known| *known != id);
                }
            }
        }
        let (limits, table) = (self.limits, self.table());
        let idle: Vec<Id> = self
            .chats
            .iter()
            .filter(|(_, chat)| {
                let rates = limits.map_or([None, None], |limits| limits.of_chat(chat.kind));
                chat.flows.is_empty() && chat.gate.is_idle(&rates, &table, now)
            })
            .map(|(id, _)| id)
            .collect();
        for id in idle {
            let Some(chat) = self.chats.remove(id) else { continue };
            if let Ok(found) = self.chat_names.find_entry(chat.hash, |known| *known == id) {
                found.remove();
            }
            if let Some(bot) = self.bots.get_mut(chat.bot) {
                bot.chats -= 1;
            }
        }
        let token = [self.limits.and_then(|limits| limits.token), None];
        let idle: Vec<Id> = self
            .bots
            .iter()
            .filter(|(_, bot)| bot.live == 0 && bot.chats == 0 && bot.gate.is_idle(&token, &table, now))
            .map(|(id, _)| id)
            .collect();
        for id in idle {
            let Some(bot) = self.bots.remove(id) else { continue };
            if let Ok(found) = self.bot_names.find_entry(bot.hash, |known| *known == id) {
                found.remove();
            }
        }
        self.sweep_at = (2 * (self.bots.len() + self.chats.len() + self.flows.len())).max(LEAST_SWEPT);
    }
}
