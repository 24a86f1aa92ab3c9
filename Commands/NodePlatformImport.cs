using AiChat.Data.NodePlatform;
using AiChat.Endpoints.NodePlatform;

namespace AiChat.Commands;

/// <summary>
/// Sends what is read of the Node.js platform's database to the server, part by part: connections, settings, accounts, then the chats of
/// each account with their images, then usage. Every part may be sent again, so an import that was ended anywhere is run again.
/// </summary>
internal sealed class NodePlatformImport(
    SourceReader source, Call call, ImportSource place, ImportChoices choices, ImportReport report)
{
    private const int MaxUsers = 200;
    private const string WrongKey = "neither the given ENCRYPTION_KEY nor the usual one opens it" + Advice;
    private const string UnknownKey = "the usual ENCRYPTION_KEY does not open it" + Advice;
    private const string Advice = ": import again with the right one (--encryption-key-file), or enter it again on the page";

    private readonly SourceCounts _counts = source.Counts();
    private readonly NodePlatformSender _sender = new(call, report);

    /// <summary>By their numbers there.</summary>
    private readonly Dictionary<long, (long Id, string Provider, string Host)> _connections = [];

    /// <summary>The accounts that are taken, by their numbers there; null for one that a dry run would make.</summary>
    private readonly Dictionary<long, long?> _users = [];

    public async Task Run()
    {
        await TakeConnections();
        await TakeSettings();
        var (users, keys) = await TakeUsers();
        await TakeAvatars(users, keys);
        var chats = new NodePlatformChats(source, place, report, _sender, choices.DryRun, _counts, Connection);
        foreach (var user in users.Where(user => _users.ContainsKey(user.Id)))
        {
            await chats.Take(source.Chats(ChatOwner.User, user.Id), _users[user.Id]);
        }

        await TakeGuests(chats);
        await TakeUsage();
        await TakeTraces();
        TellWhatIsLeft(chats);
    }

    private async Task TakeConnections()
    {
        var overrides = source.Models().ToLookup(model => model.ConnectionId);
        var mapped = source.Connections().ConvertAll(row => (
            Row: row, Key: ChatMapping.KeyOf(row.Id, row.Created), Mapped: ConnectionMapping.Map(row, choices.Passphrases)));
        if (mapped.Count == 0)
        {
            return;
        }

        var request = new ConnectionsRequest(choices.DryRun, [.. mapped.Select(one => new NodePlatformConnection(
            one.Key, one.Mapped.Form, one.Mapped.LostKey, [.. overrides[one.Row.Id].Select(NodePlatformModels.Map)]))]);
        var outcomes = await _sender.Send("connections", request, NodePlatformJson.Wire.ConnectionsRequest);
        foreach (var (outcome, (row, _, connection)) in outcomes.Zip(mapped))
        {
            var name = outcome.Name ?? row.BaseUrl ?? "";
            var isHere = outcome.State is "opened" or "locked";
            _sender.Tell("connections", isHere ? outcome with { State = "present" } : outcome, name);
            if (outcome.State == "opened")
            {
                report.Taken("keys");
            }
            else if (outcome.State == "locked")
            {
                report.Left("keys", choices.GaveKey ? WrongKey : UnknownKey, name);
            }

            if (outcome.Id is { } id)
            {
                var host = Uri.TryCreate(row.BaseUrl, UriKind.Absolute, out var url) ? url.Host : "";
                _connections[row.Id] = (id, connection.Form.Provider ?? "", host);
            }

            if (outcome.State is not "added")
            {
                continue;
            }

            if (connection.LostKey)
            {
                report.Left("keys", choices.GaveKey ? WrongKey : UnknownKey, name);
            }
            else if (connection.Form.Key is not null)
            {
                report.Taken("keys");
            }

            foreach (var note in connection.Notes)
            {
                report.Note($"Connection {name}: {note.TrimEnd('.')}.");
            }
        }
    }

    private async Task TakeSettings()
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in source.Settings().Where(row => row.Value is not null))
        {
            settings[row.Key!] = row.Value!;
        }

        if (settings.Count == 0)
        {
            return;
        }

        var request = new SettingsRequest(choices.DryRun, settings);
        foreach (var outcome in await _sender.Send("settings", request, NodePlatformJson.Wire.SettingsRequest))
        {
            _sender.Tell("settings", outcome, outcome.Key);
        }
    }

    private async Task<(List<SourceUser> Users, Dictionary<long, string> Keys)> TakeUsers()
    {
        var rows = source.Users();
        var users = NodePlatformAccounts.Map(rows, report);
        var keys = rows.Zip(users).ToDictionary(pair => pair.First.Id, pair => pair.Second.Key);
        for (var at = 0; at < users.Count; at += MaxUsers)
        {
            var part = users.GetRange(at, Math.Min(MaxUsers, users.Count - at));
            var request = new UsersRequest(choices.DryRun, choices.MergeUsers, [.. part]);
            foreach (var (index, outcome) in (await _sender.Send("users", request, NodePlatformJson.Wire.UsersRequest)).Index())
            {
                Place(rows[at + index], outcome);
            }
        }

        if (rows.Count > 0 && !choices.DryRun && !await HasAdministrator())
        {
            report.Note("No active administrator is here. Make one: aichat user promote NAME");
        }

        return (rows, keys);
    }

    private void Place(SourceUser row, Outcome outcome)
    {
        var name = outcome.Name ?? row.Username ?? "";
        switch (outcome.State)
        {
            case "added":
                report.Taken("users");
                break;
            case "renamed":
                report.Taken("users");
                report.Note($"The account {row.Username} is now called {name}, because another one has that name in other letters.");
                break;
            case "merged":
                report.Taken("users");
                report.Note($"{name}: its chats belong to the account of this name that was here, whose password stays.");
                break;
            case "present":
                report.Present("users");
                break;
            case "deleted":
                report.Left("users", "it was imported before and deleted here", name);
                return;
            default:
                report.Left(
                    "users", "an account of this name is here; if it is the same person, import again with --merge-users", name);
                return;
        }

        if (row.DailyLimit is not null && outcome.State is "added" or "renamed")
        {
            report.Taken("quotas");
        }

        _users[row.Id] = outcome.Id;
    }

    private async Task TakeAvatars(List<SourceUser> users, Dictionary<long, string> keys)
    {
        foreach (var user in users.Where(user => !string.IsNullOrWhiteSpace(user.Avatar) && _users.ContainsKey(user.Id)))
        {
            if (place.ImageFile(user.Avatar) is not { } file)
            {
                report.Left("avatars", "the file is not there", user.Avatar);
            }
            else if (choices.DryRun)
            {
                report.Taken("avatars");
            }
            else
            {
                var key = $"{keys[user.Id]}:{user.Avatar}";
                await _sender.Upload("avatars", "avatars", $"user={_users[user.Id]}&key={Uri.EscapeDataString(key)}", file);
            }
        }
    }

    private async Task TakeGuests(NodePlatformChats chats)
    {
        if (_counts.GuestChats == 0)
        {
            return;
        }

        if (choices.GuestsTo is { } name)
        {
            var found = (await call.List($"/api/users?limit=100&q={Uri.EscapeDataString(name)}"))
                .FirstOrDefault(user => name.Equals((string?)user!["username"], StringComparison.OrdinalIgnoreCase))
                ?? throw new CommandException("not_found", $"There is no account named {name}. See: aichat user list");
            await chats.Take(source.Chats(ChatOwner.Guests), (long)found["id"]!);
            return;
        }

        if (!choices.Guests)
        {
            report.Left("guest chats", "they are taken only with --guests or --guests-to NAME", count: _counts.GuestChats);
            return;
        }

        foreach (var group in source.Chats(ChatOwner.Guests).GroupBy(chat => chat.Guest!))
        {
            var outcome = (await _sender.Send(
                "guests", new GuestsRequest(choices.DryRun, [group.Key]), NodePlatformJson.Wire.GuestsRequest))[0];
            if (outcome.State is "added" or "present")
            {
                await chats.Take(group, outcome.Id);
            }
            else
            {
                report.Left("guest chats", "the guest has gone since the last import", count: group.Count());
            }
        }
    }

    private async Task TakeUsage()
    {
        for (var after = long.MinValue; ;)
        {
            var page = source.Usage(after);
            var entries = page.Where(row => _users.GetValueOrDefault(row.UserId) is not null).Select(Map).ToArray();
            if (entries.Length > 0 && !choices.DryRun)
            {
                var added = (await _sender.Send("usage", new UsageRequest(entries), NodePlatformJson.Wire.UsageRequest))[0].Count;
                report.Taken("usage", added);
                report.Present("usage", entries.Length - added);
            }
            else if (choices.DryRun)
            {
                report.Taken("usage", page.Count(row => _users.ContainsKey(row.UserId)));
            }

            if (page.Count == 0)
            {
                return;
            }

            after = page[^1].Id;
            Terminal.Progress($"Usage {after}");
        }
    }

    private async Task TakeTraces()
    {
        if (_counts.Traces > 0 && !choices.Traces)
        {
            report.Left("traces", "they are taken only with --traces", count: _counts.Traces);
            return;
        }

        var logs = new TraceLogs(source, _counts.Traces > 0 ? place.LogFolders(choices.TraceLogs) : []);
        for (var after = long.MinValue; source.Traces(after) is { Count: > 0 } page; after = page[^1].Id)
        {
            foreach (var row in page)
            {
                await TakeTrace(row, logs);
            }

            Terminal.Progress($"Trace {page[^1].Id}");
        }
    }

    private async Task TakeTrace(SourceTrace row, TraceLogs logs)
    {
        var (events, why) = logs.Read(row);
        if (NodePlatformModels.Map(row, _users, events) is not { } trace)
        {
            report.Left("traces", "their account was not taken, or they have no time", $"trace {row.Id} of {row.Actor ?? "nobody"}");
            return;
        }

        var request = new TracesRequest(choices.DryRun, [trace]);
        var outcome = (await _sender.Send("traces", request, NodePlatformJson.Wire.TracesRequest))[0];
        var name = $"trace {row.Id}";
        _sender.Tell("traces", outcome.State == "grown" ? outcome with { State = "present" } : outcome, name);
        if (outcome is { State: "added" or "grown", Count: > 0 })
        {
            report.Taken("trace events", outcome.Count);
        }

        if (why is not null && (outcome.State is "added" or "grown" || (outcome.State == "present" && outcome.Count < trace.EventCount)))
        {
            report.Left("trace events", why, name, Math.Max(1, (row.Events ?? 0) - events.Count));
        }
    }

    private NodePlatformUsage Map(SourceUsage row)
    {
        var provider = _connections.Values.FirstOrDefault(one => one.Host.Length > 0 && one.Host == row.Provider).Provider;
        return new NodePlatformUsage
        {
            Key = ChatMapping.KeyOf(row.Id, row.Created),
            UserId = _users[row.UserId]!.Value,
            ChatKey = ChatMapping.KeyOf(row.ChatId, row.ChatCreated),
            MessageKey = row.MessageId is { } id ? ChatMapping.KeyOf(id, row.MessageCreated) : null,
            Model = string.IsNullOrEmpty(row.Model) ? "unknown" : row.Model,
            Provider = provider ?? (string.IsNullOrEmpty(row.Provider) ? "unknown" : row.Provider),
            PromptTokens = Math.Clamp(row.Prompt ?? 0, 0, int.MaxValue),
            CompletionTokens = Math.Clamp(row.Completion ?? 0, 0, int.MaxValue),
            CreatedAt = row.Created ?? row.MessageCreated ?? row.ChatCreated ?? 0,
        };
    }

    private void TellWhatIsLeft(NodePlatformChats chats)
    {
        if (_counts.LostChats > 0)
        {
            report.Left("chats", "their owner is not in the database", count: _counts.LostChats);
        }

        if (_counts.LostMessages > 0)
        {
            report.Left("messages", "their chat is not in the database", count: _counts.LostMessages);
        }

        foreach (var (table, rows) in source.Lost)
        {
            report.Left(table, "the file is damaged there", count: rows);
        }

        foreach (var rest in source.Rest.Where(rest => rest.Column is null))
        {
            report.Left(rest.Table, "AiChat has nothing like it", count: rest.Rows);
        }

        var columns = source.Rest.Where(rest => rest.Column is not null).Select(rest => $"{rest.Table}.{rest.Column}").ToList();
        if (columns.Count > 0)
        {
            report.Note($"Columns of another version were not read: {string.Join(", ", columns)}.");
        }

        report.HasLostAllChats = _counts.Chats > 0 && chats.Met == 0 && !choices.DryRun;
    }

    private async Task<bool> HasAdministrator() => (await call.List("/api/users?limit=100&status=ACTIVE"))
        .Any(user => (string?)user!["role"] == "ADMIN");

    private long? Connection(long? there) => there is { } id && _connections.TryGetValue(id, out var here) ? here.Id : null;
}
