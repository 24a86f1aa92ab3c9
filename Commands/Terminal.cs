#pragma warning disable RS0030 // The one place that writes to the terminal.
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Commands;

/// <summary>Output for the person at the console; everything else is logged. There are no colours, so a pipe gets the same text.</summary>
internal static class Terminal
{
    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Say(string line) => Console.Out.WriteLine(line);

    public static void Complain(string line) => Console.Error.WriteLine(line);

    public static string Json(JsonNode node) => node.ToJsonString(Indented);
}
