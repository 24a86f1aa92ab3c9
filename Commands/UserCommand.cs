using System.CommandLine;
using System.Text.Json.Nodes;

namespace AiChat.Commands;

/// <summary>Accounts, as the page of administration shows and changes them.</summary>
internal static class UserCommand
{
    private const string CodeText = "logs in once with this code instead of a password, within 24 hours. It is not shown again.";

    private static readonly Argument<string> Name = new("NAME") { Description = "The user name; capital and small letters are the same." };

    private static readonly Option<bool> Admin = new("--admin") { Description = "As an administrator." };

    private static readonly Option<bool> Yes = new("--yes", "-y") { Description = "Do not ask." };

    private static readonly Option<string?> Reason =
        new("--reason") { Description = "Shown to the person at login.", HelpName = "TEXT" };

    private static readonly Option<string?> Status = Choice();

    public static Command Create() => new("user", "Accounts: list, create, approve, reset a password and more.")
    {
        new Command("list", "List all accounts, the newest first.") { Status }.WithWork(List),
        new Command("create", "Create an account; prints the code for its first login. The first one needs --admin.") { Name, Admin }
            .WithWork(Create, create: true),
        Change("approve", "Let somebody who registered log in.", "{0} can log in now.", "POST", "approve"),
        new Command("reject", "Refuse somebody who registered; the account stays as disabled.") { Name, Reason }
            .WithWork(call => Change(call, "{0} was rejected.", "POST", "reject", WithReason(call, []))),
        new Command("reset-password", "Make a code for the next login. The old password and every login end at once.") { Name }
            .WithWork(ResetPassword),
        Change("promote", "Make an account an administrator.", "{0}: Administrator", "PUT", "role", ("role", "ADMIN")),
        Change("demote", "Make an administrator a member.", "{0}: Member", "PUT", "role", ("role", "USER")),
        Change("enable", "Let a disabled account log in again.", "{0} can log in again.", "PUT", "status", ("status", "ACTIVE")),
        new Command("disable", "Keep an account from logging in. Every login ends at once; chats stay.") { Name, Reason }
            .WithWork(call => Change(
                call, "{0} cannot log in any more.", "PUT", "status", WithReason(call, new() { ["status"] = "DISABLED" }))),
        new Command("delete", "Delete an account with all its chats, images and keys.") { Name, Yes }.WithWork(Delete),
    };

    private static Option<string?> Choice()
    {
        var option = new Option<string?>("--status") { Description = "Only these accounts." };
        option.AcceptOnlyFromAmong("PENDING", "ACTIVE", "DISABLED");
        return option;
    }

    private static async Task<int> List(Call call)
    {
        var filter = call.Parsed.GetValue(Status) is { } status ? $"&status={status}" : "";
        var items = await call.List($"/api/users?limit=100{filter}");
        var rows = items.Select(user => new[]
        {
            Text(user!, "username"), RoleOf(user!), StatusOf(user!), Text(user!, "createdAt")[..10],
        });
        return call.Show(
            new JsonObject { ["items"] = items },
            items.Count == 0 ? ["There is no such account."] : Terminal.Table(["NAME", "ROLE", "STATUS", "SINCE"], rows));
    }

    private static async Task<int> Create(Call call)
    {
        var role = call.Parsed.GetValue(Admin) ? "ADMIN" : "USER";
        var reply = await call.Send(
            "POST", "/api/users", new JsonObject { ["username"] = call.Parsed.GetValue(Name), ["role"] = role });
        if (!reply.IsDone)
        {
            throw new CommandException(reply, CodeOf(reply) == "last_admin" ? "Create the first one with --admin." : null);
        }

        return ShowCode(call, reply.Body!["user"]!, Text(reply.Body!, "oneTimeCode"));
    }

    private static async Task<int> ResetPassword(Call call)
    {
        var user = await Find(call);
        var reply = await call.Send("POST", $"/api/users/{user["id"]}/reset-password");
        return reply.IsDone ? ShowCode(call, user, Text(reply.Body!, "oneTimeCode")) : throw new CommandException(reply);
    }

    private static int ShowCode(Call call, JsonNode user, string code)
    {
        var name = Text(user, "username");
        var state = Text(user, "status") switch
        {
            "PENDING" => $"This account waits for approval first: aichat user approve {name}",
            "DISABLED" => $"This account is disabled; let it log in again: aichat user enable {name}",
            _ => null,
        };
        if (state is not null)
        {
            Terminal.Complain(state);
        }

        return call.Show(
            new JsonObject { ["user"] = user.DeepClone(), ["code"] = code }, $"One-time code: {code}", $"{name} {CodeText}");
    }

    private static async Task<int> Delete(Call call)
    {
        var user = await Find(call);
        var name = Text(user, "username");
        if (!call.Parsed.GetValue(Yes)
            && !Terminal.Confirm($"Delete {name}? The account goes with all its chats, images and keys. This cannot be undone."))
        {
            throw new CommandException("not_confirmed", "Nothing was deleted.");
        }

        var reply = await call.Send("DELETE", $"/api/users/{user["id"]}");
        return reply.IsDone ? call.Show(user, $"{name} was deleted.") : throw new CommandException(reply);
    }

    private static Command Change(
        string name, string description, string done, string method, string action, params ReadOnlySpan<(string, string)> members)
    {
        var body = members.Length == 0 ? null : new JsonObject();
        foreach (var (member, value) in members)
        {
            body![member] = value;
        }

        return new Command(name, description) { Name }.WithWork(call => Change(call, done, method, action, body));
    }

    private static async Task<int> Change(Call call, string done, string method, string action, JsonObject? body)
    {
        var user = await Find(call);
        var reply = await call.Send(method, $"/api/users/{user["id"]}/{action}", body);
        return reply.IsDone
            ? call.Show(reply.Body!, string.Format(null, done, Text(reply.Body!, "username")))
            : throw new CommandException(reply);
    }

    private static JsonObject WithReason(Call call, JsonObject body)
    {
        if (call.Parsed.GetValue(Reason) is { } reason)
        {
            body["reason"] = reason;
        }

        return body;
    }

    /// <summary>The account of this very name. The API's filter also finds parts of names.</summary>
    private static async Task<JsonObject> Find(Call call)
    {
        var name = call.Parsed.GetValue(Name)!;
        var found = await call.List($"/api/users?limit=100&q={Uri.EscapeDataString(name)}");
        return found.Select(user => user!.AsObject())
                .FirstOrDefault(user => Text(user, "username").Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new CommandException("not_found", $"There is no account named {name}. See: aichat user list");
    }

    private static string Text(JsonNode node, string member) => (string?)node[member] ?? "";

    private static string? CodeOf(Reply reply) => (string?)reply.Body?["code"];

    private static string RoleOf(JsonNode user) => Text(user, "role") == "ADMIN" ? "Administrator" : "Member";

    private static string StatusOf(JsonNode user) => Text(user, "status") switch
    {
        "PENDING" => "Waiting",
        "ACTIVE" => "Active",
        _ => Text(user, "rejectionReason") is { Length: > 0 } reason ? $"Disabled ({reason})" : "Disabled",
    };
}
