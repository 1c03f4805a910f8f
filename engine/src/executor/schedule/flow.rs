//! The jobs of one bot that may go to the same chats, in their order: higher priorities first, smaller ones first among
//! equals ([`Group`]), and now and then the one that has waited longest, so that no priority starves.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    planted::{Bug, Planted},
    promises::Promises,
    size::Group,
    slab::{Id, NIL, Slab},
};
use crate::{
    clock::Tick,
    executor::{job::Job, retry::Spent},
};

/// Every so many starts of a flow, the job that has waited longest goes, whatever its priority: the oldest of `n` jobs
/// waits for no more than `n` times this many starts.
pub const OLDEST_EVERY: u32 = 16;

/// The class of jobs that were in a slot before: ahead of everything that never was. The smallest class goes first.
const AGAIN: i64 = i64::MIN;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In its flow.
    Queued,
    /// Beside its flow, among those of the same size.
    Parked,
    /// Between two tries, until `Entry::due`.
    Backoff,
    /// In a slot, since `Entry::due`.
    Running,
}

/// Why a running job was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for it.
    Cancelled,
    /// Its lease is about to end.
    LeaseOver,
}

/// Neighbours in a list.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    before: Id,
    behind: Id,
}

impl Links {
    pub const NONE: Self = Self { before: NIL, behind: NIL };
}

/// A job that has been accepted and is not settled.
pub struct Entry<J> {
    pub job: Arc<J>,
    /// Of its key, which lies elsewhere: reading it again would cost a cache line that nobody has had for long.
    pub hash: u64,
    /// Rises with every job.
    pub stamp: u64,
    pub submitted: Tick,
    /// From here on it must not run; `NEVER` without a lease.
    pub lease: Tick,
    /// What `spot` says.
    pub due: Tick,
    pub flow: Id,
    /// Where it is being sent.
    pub chat: Id,
    pub spent: Spent,
    pub possible_duplicates: u32,
    pub spot: Spot,
    pub stop: Option<Stop>,
    /// It was never in a slot, and so counts against the capacity.
    pub fresh: bool,
    /// It is the one of its size that may go.
    pub released: bool,
    /// Which list of its class it is in, or was in last.
    pub group: Group,
    pub in_class: Links,
    pub in_age: Links,
}

/// The two lists a job is in.
#[derive(Clone, Copy)]
enum By {
    Class,
    Age,
}

impl<J: Job> Entry<J> {
    /// Its class among those of its flow.
    pub fn class(&self) -> i64 {
        if self.fresh { -i64::from(self.job.priority()) } else { AGAIN }
    }

    /// The list of its class that it belongs to.
    fn own_group(&self, planted: Planted) -> Group {
        if self.released {
            Group::NEXT
        } else if self.fresh && !planted.has(Bug::SizeIgnored) {
            Group::of(self.job.size())
        } else {
            // Once it was in a slot, the order in which that happened is all that counts.
            Group::of(None)
        }
    }
}

/// When the turn of a job in one of the lists of a class comes. One that is not there has none.
fn turn<J>(entries: &Slab<Entry<J>>, group: Group, id: Id) -> Tick {
    entries.get(id).map_or(Tick::NEVER, |entry| group.turn(entry.submitted))
}

impl<J> Entry<J> {
    const fn links(&mut self, by: By) -> &mut Links {
        match by {
            By::Class => &mut self.in_class,
            By::Age => &mut self.in_age,
        }
    }
}

/// The ends of a list, and its length.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: Id,
    last: Id,
    len: usize,
}

impl Ends {
    const EMPTY: Self = Self { first: NIL, last: NIL, len: 0 };

    fn push_back<J>(&mut self, entries: &mut Slab<Entry<J>>, id: Id, by: By) {
        if let Some(entry) = entries.get_mut(id) {
            *entry.links(by) = Links { before: self.last, behind: NIL };
        }
        match entries.get_mut(self.last) {
            Some(last) => last.links(by).behind = id,
            None => self.first = id,
        }
        self.last = id;
        self.len += 1;
    }

    fn push_front<J>(&mut self, entries: &mut Slab<Entry<J>>, id: Id, by: By) {
        if let Some(entry) = entries.get_mut(id) {
            *entry.links(by) = Links { before: NIL, behind: self.first };
        }
        match entries.get_mut(self.first) {
            Some(first) => first.links(by).before = id,
            None => self.last = id,
        }
        self.first = id;
        self.len += 1;
    }

    fn remove<J>(&mut self, entries: &mut Slab<Entry<J>>, id: Id, by: By) {
        let Some(entry) = entries.get_mut(id) else { return };
        let Links { before, behind } = std::mem::replace(entry.links(by), Links::NONE);
        match entries.get_mut(before) {
            Some(entry) => entry.links(by).behind = behind,
            None => self.first = behind,
        }
        match entries.get_mut(behind) {
            Some(entry) => entry.links(by).before = before,
            None => self.last = before,
        }
        self.len -= 1;
    }
}

/// When a flow or a bot is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When it gets a job, or a slot of its bot comes free.
    Idle,
    /// It may send: its rank among those that may.
    Ready(i64, u64),
    /// At a moment.
    At(Tick),
}

/// See the module.
pub struct Flow {
    pub bot: Id,
    pub chats: Box<[Id]>,
    pub hash: u64,
    pub when: When,
    /// When it last sent, by the count of all starts.
    pub served: u64,
    /// Jobs of this flow that are anywhere.
    pub live: usize,
    /// Those in the lists that have a lease.
    pub leased: usize,
    /// What was promised to the jobs that were given back.
    pub promises: Promises,
    starts: u32,
    /// By class and size.
    lists: BTreeMap<(i64, Group), Ends>,
    ages: Ends,
}

impl Flow {
    pub const fn new(bot: Id, chats: Box<[Id]>, hash: u64) -> Self {
        Self {
            bot,
            chats,
            hash,
            when: When::Idle,
            served: 0,
            live: 0,
            leased: 0,
            promises: Promises::new(),
            starts: 0,
            lists: BTreeMap::new(),
            ages: Ends::EMPTY,
        }
    }

    pub const fn len(&self) -> usize {
        self.ages.len
    }

    pub const fn is_empty(&self) -> bool {
        self.ages.len == 0
    }

    /// The class that goes first.
    pub fn first_class(&self) -> i64 {
        self.lists.first_key_value().map_or(i64::MAX, |((class, _), _)| *class)
    }

    /// A job of this flow, if there is one in its lists.
    pub const fn any(&self) -> Id {
        self.ages.last
    }

    /// How many jobs go before this new one.
    pub fn ahead_of<J: Job>(&self, entries: &Slab<Entry<J>>, job: &J, now: Tick) -> usize {
        // Counting list by list is for the usual handful of priorities; where there are many, the whole is near enough.
        if self.lists.len() > 32 {
            return self.ages.len;
        }
        let (class, own) = (-i64::from(job.priority()), Group::of(job.size()).turn(now));
        // Of larger jobs those that came long enough ago go first: all of a list or none of it, by its oldest.
        let counts =
            |(place, group): (i64, Group), ends: &Ends| place < class || turn(entries, group, ends.first) <= own;
        let before = self.lists.range(..=(class, Group::MOST)).filter(|(place, ends)| counts(**place, ends));
        before.map(|(_, ends)| ends.len).sum()
    }

    /// Adds a job.
    pub fn insert<J: Job>(&mut self, entries: &mut Slab<Entry<J>>, id: Id, planted: Planted) {
        let Some(entry) = entries.get_mut(id) else { return };
        entry.group = entry.own_group(planted);
        let place = (entry.class(), entry.group);
        // What was sent back for its size has had its turn; what was in a slot is older than all that never was.
        let (front, old) = (planted.has(Bug::LastInFirstOut), entry.released || !entry.fresh);
        self.leased += usize::from(entry.lease != Tick::NEVER);
        let ends = self.lists.entry(place).or_insert(Ends::EMPTY);
        if front {
            ends.push_front(entries, id, By::Class);
        } else {
            ends.push_back(entries, id, By::Class);
        }
        if old {
            self.ages.push_front(entries, id, By::Age);
        } else {
            self.ages.push_back(entries, id, By::Age);
        }
    }

    pub fn remove<J: Job>(&mut self, entries: &mut Slab<Entry<J>>, id: Id) {
        let Some(entry) = entries.get(id) else { return };
        let place = (entry.class(), entry.group);
        self.leased -= usize::from(entry.lease != Tick::NEVER);
        if let Some(ends) = self.lists.get_mut(&place) {
            ends.remove(entries, id, By::Class);
            if ends.len == 0 {
                self.lists.remove(&place);
            }
        }
        self.ages.remove(entries, id, By::Age);
    }

    /// The job to start next. Asking changes nothing.
    pub fn head<J>(&self, entries: &Slab<Entry<J>>, planted: Planted) -> Id {
        if self.starts % OLDEST_EVERY == OLDEST_EVERY - 1 && !planted.has(Bug::OldestNeverServed) {
            return self.ages.first;
        }
        let class = self.first_class();
        let heads = self.lists.range((class, Group::LEAST)..=(class, Group::MOST));
        let first = heads.min_by_key(|((_, group), ends)| {
            if planted.has(Bug::PatienceWithoutEnd) { Tick::START } else { turn(entries, *group, ends.first) }
        });
        first.map_or(NIL, |(_, ends)| ends.first)
    }

    /// A job of this flow was started.
    pub const fn started(&mut self, served: u64) {
        self.starts = self.starts.wrapping_add(1);
        self.served = served;
    }

    /// The jobs in their order, as it is now.
    pub fn iter<'a, J>(&'a self, entries: &'a Slab<Entry<J>>) -> impl Iterator<Item = (Id, &'a Entry<J>)> {
        let mut lists = self.lists.iter().peekable();
        // What is left of the lists of one class: a handful.
        let mut heads: Vec<(Group, Id)> = Vec::new();
        std::iter::from_fn(move || {
            heads.retain(|(_, id)| *id != NIL);
            if heads.is_empty() {
                let class = lists.peek()?.0.0;
                while let Some(((_, group), ends)) = lists.next_if(|((other, _), _)| *other == class) {
                    heads.push((*group, ends.first));
                }
            }
            let (_, head) = heads.iter_mut().min_by_key(|(group, id)| turn(entries, *group, *id))?;
            let id = *head;
            let entry = entries.get(id)?;
            *head = entry.in_class.behind;
            Some((id, entry))
        })
    }
}
