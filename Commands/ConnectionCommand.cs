using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace AiChat.Commands;

/// <summary>Connections to model providers. Keys are entered on the page only, so that none stands in a shell's history.</summary>
internal static class ConnectionCommand
{
    private static readonly Argument<string?> Which = new("NAME")
    {
        Description = "The name or the number of a connection; all that are enabled when it is left out.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public static Command Create() => new("connection", "Connections to model providers: list and test.")
    {
        new Command("list", "List the connections.").WithWork(List),
        new Command("test", "Ask providers for their models, with the stored keys. Ends with 1 when one fails.") { Which }.WithWork(Test),
    };

    private static async Task<int> List(Call call)
    {
        var items = await call.List("/api/connections");
        var rows = items.Select(item => new[]
        {
            $"{item!["id"]}", $"{item["name"]}", $"{item["provider"]}", $"{item["baseUrl"]}", $"{item["modelCount"]}", StateOf(item),
        });
        return call.Show(
            new JsonObject { ["items"] = items }, Terminal.Table(["NUMBER", "NAME", "PROVIDER", "BASE URL", "MODELS", "STATE"], rows));
    }

    private static async Task<int> Test(Call call)
    {
        var results = await Test(call, Chosen(await call.List("/api/connections"), call.Parsed.GetValue(Which)));
        call.Show(new JsonObject { ["items"] = results }, results.Select(result => LineOf(result!)));
        return results.All(result => (bool)result!["ok"]!) ? ExitCodes.Done : ExitCodes.Refused;
    }

    /// <summary>The answers of the page's test button, each with the id and name of its connection.</summary>
    public static async Task<JsonArray> Test(Call call, IEnumerable<JsonObject> connections)
    {
        var results = new JsonArray();
        foreach (var connection in connections)
        {
            var reply = await call.Send("POST", "/api/connections/verify", new JsonObject { ["id"] = connection["id"]!.DeepClone() });
            var answer = reply.IsDone ? reply.Body!.AsObject() : throw new CommandException(reply);
            var result = new JsonObject
            {
                ["id"] = connection["id"]!.DeepClone(),
                ["name"] = connection["name"]!.DeepClone(),
                ["ok"] = answer["ok"]!.DeepClone(),
                ["models"] = (answer["models"] as JsonArray)?.Count ?? 0,
            };
            foreach (var (member, value) in answer.Where(member => member.Key is not ("ok" or "models")))
            {
                result[member] = value?.DeepClone();
            }

            results.Add((JsonNode)result);
        }

        return results;
    }

    private static IEnumerable<JsonObject> Chosen(JsonArray items, string? which)
    {
        var all = items.Select(item => item!.AsObject()).ToList();
        if (which is null)
        {
            return all.Where(item => (bool)item["enabled"]!);
        }

        var found = all.Where(item => which.Equals((string?)item["name"], StringComparison.OrdinalIgnoreCase)).ToList();
        if (found.Count == 0 && long.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            found = [.. all.Where(item => (long)item["id"]! == id)];
        }

        return found.Count > 0
            ? found
            : throw new CommandException("not_found", $"There is no connection named {which}. See: aichat connection list");
    }

    private static string StateOf(JsonNode item) =>
        !(bool)item["enabled"]! ? "Disabled"
        : item["lastError"] is { } error ? $"Last check failed: {error}"
        : "Enabled";

    public static string LineOf(JsonNode result)
    {
        var models = (int)result["models"]!;
        var said = (bool)result["ok"]! ? $"OK, {models} {(models == 1 ? "model" : "models")}" : $"Failed ({result["code"]})";
        var advice = result["report"]?["advice"] is { } text ? $" {text}" : "";
        return $"{result["name"]}: {said}{(result["detail"] is { } detail ? $". {detail}{advice}" : "")}";
    }
}
