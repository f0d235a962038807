//! Channels beside one another: whose key and whose lock each has.

use super::{Channel, NoChannel, Settings};
use crate::name::{ChannelName, LockName};

impl Settings {
    /// What is said of a channel.
    ///
    /// # Errors
    /// [`NoChannel`].
    pub fn channel(&self, name: &ChannelName) -> Result<&Channel, NoChannel> {
        self.channel.get(name).ok_or_else(|| {
            let known = self.channel.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            NoChannel { channel: name.to_string(), known }
        })
    }

    /// The name of the key that signs a channel.
    pub fn key_of(&self, channel: &ChannelName) -> ChannelName {
        let named = self.channel.get(channel).and_then(|settings| settings.key.clone());
        named.unwrap_or_else(|| channel.clone())
    }

    /// How a verb is told to work with a lock: `opb build`, or `opb --channel stable build`.
    pub fn told_for(&self, lock: Option<&LockName>, verb: &str) -> String {
        let of_lock = |(_, channel): &(&ChannelName, &Channel)| channel.lock.as_ref() == lock;
        match self.channel.iter().find(of_lock).filter(|_| lock.is_some()) {
            Some((channel, _)) => format!("opb --channel {channel} {verb}"),
            None => format!("opb {verb}"),
        }
    }

    /// The locks whose pins `channel` is made from: its own first, and the one whose pins hold where that has none. `None` is
    /// `opb.lock`.
    pub fn locks_of(&self, channel: &Channel) -> Vec<Option<LockName>> {
        let over = channel.over.as_ref().and_then(|over| self.channel.get(over)).map(|over| over.lock.clone());
        std::iter::once(channel.lock.clone()).chain(over).collect()
    }

    /// What is wrong with the locks of channels.
    pub(super) fn lock_problems(&self) -> Vec<(Vec<String>, String)> {
        let mut problems = Vec::new();
        for (name, channel) in &self.channel {
            let Some(over) = &channel.over else { continue };
            let problem = match self.channel.get(over) {
                _ if channel.lock.is_none() => Some("needs a `lock` beside it, for what differs".to_owned()),
                None => Some(format!("must be another channel, and there is no `{over}`")),
                Some(base) if base.over.is_some() => Some(format!("must not be `{over}`, which has an `over` itself")),
                Some(base) if base.lock == channel.lock => {
                    Some(format!("must not be `{over}`, which has the same lock"))
                }
                Some(_) => None,
            };
            if let Some(problem) = problem {
                let keys = vec!["channel".to_owned(), name.to_string(), "over".to_owned()];
                problems.push((keys.clone(), format!("`{}` {problem}", keys.join("."))));
            }
        }
        problems
    }
}
