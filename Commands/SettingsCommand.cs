using System.CommandLine;
using System.Text.Json.Nodes;

namespace AiChat.Commands;

/// <summary>Every variable and setting with the value that holds, and where it comes from.</summary>
internal static class SettingsCommand
{
    private static readonly Argument<string?> Which = new("NAME")
    {
        Description = "A variable or the key of a setting, such as PORT or brandText; all when it is left out.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public static Command Create()
    {
        var example = new Command("example", "Print a file of variables with every one of them, to be saved as .env.");
        example.SetAction(_ =>
        {
            Terminal.Say(EnvironmentExample.Write().TrimEnd('\n'));
            return ExitCodes.Done;
        });
        const string about = "Show every variable and setting: the value that holds, its default, and where it comes from.";
        return new Command("settings", about) { Which, example }.WithWork(Run);
    }

    private static async Task<int> Run(Call call)
    {
        var which = call.Parsed.GetValue(Which);
        var items = (await call.List("/api/settings/variables")).Select(item => item!.AsObject())
            .Where(item => which is null || Same(item["name"], which) || Same(item["key"], which)).ToList();
        if (items.Count == 0)
        {
            throw new CommandException("not_found", $"There is no variable or setting named {which}. See: aichat settings");
        }

        var byName = new JsonObject();
        foreach (var item in items)
        {
            byName[(string)item["name"]!] = new JsonObject([.. item.Where(member => member.Key != "name")
                .Select(member => KeyValuePair.Create(member.Key, member.Key == "value" ? Value(item) : member.Value?.DeepClone()))]);
        }

        var rows = items.Select(item => new[] { (string)item["name"]!, Text(item), Origin(item), (string?)item["default"] ?? "" });
        return call.Show(byName, Terminal.Table(["NAME", "VALUE", "FROM", "DEFAULT"], rows));
    }

    private static bool Same(JsonNode? name, string which) => which.Equals((string?)name, StringComparison.OrdinalIgnoreCase);

    /// <summary>The default in words, where that holds.</summary>
    private static JsonNode? Value(JsonObject item) =>
        item["value"]?.DeepClone() ?? ((bool)item["secret"]! ? null : item["default"]?.DeepClone());

    private static string Text(JsonObject item) =>
        (bool)item["secret"]! ? (bool)item["set"]! ? "(set)" : "(not set)" : Value(item)?.ToString() ?? "";

    private static string Origin(JsonObject item)
    {
        var given = item["given"] is { } name ? $"{name} in {item["file"]?.ToString() ?? "the environment"}" : "";
        return (string)item["source"]! switch
        {
            "saved" => (bool)item["overridden"]! ? $"the page, although {given} differs" : "the page",
            "default" => "the default",
            _ => given,
        };
    }
}
