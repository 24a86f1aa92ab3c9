using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Archives made from nothing, and the way of one through the API.</summary>
internal static class ImportSteps
{
    private static readonly JsonSerializerOptions Plain = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 20_000
    };

    public static byte[] Json(object value) => JsonSerializer.SerializeToUtf8Bytes(value, Plain);

    public static byte[] Zip(params (string Name, byte[] Content)[] files)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(content);
            }
        }

        return bytes.ToArray();
    }

    /// <summary>Uploads, waits for the end and returns the import.</summary>
    public static async Task<JsonElement> Import(this HttpClient client, byte[] archive, string name = "export.zip", string query = "")
    {
        var id = (await (await client.Send(archive, name, query)).Json(HttpStatusCode.Accepted)).GetProperty("id").GetInt64();
        return await client.Ended(id);
    }

    public static async Task<HttpResponseMessage> Send(this HttpClient client, byte[] archive, string name = "export.zip",
        string query = "")
    {
        using var content = new ByteArrayContent(archive);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return await client.PostAsync($"/api/imports?name={Uri.EscapeDataString(name)}{query}", content);
    }

    public static async Task<JsonElement> Ended(this HttpClient client, long id)
    {
        JsonElement import = default;
        await Eventually.Holds(async () => (import = await client.GetJson($"/api/imports/{id}")).Text("state") != "running");
        return import;
    }

    /// <summary>taken, updated, unchanged, and state.</summary>
    public static string Counts(this JsonElement import)
    {
        var report = import.GetProperty("report");
        return $"{import.Text("state")} {report.GetProperty("taken")} {report.GetProperty("updated")} {report.GetProperty("unchanged")}";
    }

    public static string[] Skipped(this JsonElement import) =>
        [.. import.GetProperty("report").GetProperty("skipped").EnumerateArray()
            .Select(item => $"{item.Text("code")}: {item.Text("what")}")];

    public static string? ErrorCode(this JsonElement import) =>
        import.TryGetProperty("error", out var error) ? error.Text("code") : null;

    public static async Task<JsonElement[]> Chats(this HttpClient client, bool archived = false) =>
        [.. (await client.GetJson($"/api/sessions?archived={(archived ? "true" : "false")}&limit=100")).GetProperty("items")
            .EnumerateArray()];

    /// <summary>The messages of the branch that is shown, as "u: text" and "a: text".</summary>
    public static async Task<string[]> Branch(this HttpClient client, JsonElement chat) =>
        [.. (await client.Messages(chat)).Select(message => $"{message.Text("role")![0]}: {message.Text("content")}")];

    public static async Task<JsonElement[]> Messages(this HttpClient client, JsonElement chat, bool tree = false) =>
    [
        .. (await client.GetJson($"/api/sessions/{chat.GetProperty("id")}/messages?limit=100{(tree ? "&tree=true" : "")}"))
            .GetProperty("items").EnumerateArray(),
    ];

    /// <summary>The only chat of a person, by its title.</summary>
    public static async Task<JsonElement> Chat(this HttpClient client, string title) =>
        (await client.Chats()).Single(chat => chat.Text("title") == title);

    /// <summary>A node of ChatGPT's mapping.</summary>
    public static object Node(string id, string? parent, string? role, object? content, object? more = null, string? recipient = "all") =>
        new
        {
            id,
            parent,
            children = Array.Empty<string>(),
            message = role is null ? null : new
            {
                id,
                author = new { role, name = role == "tool" ? "python" : null },
                create_time = 1_756_000_000.5 + id.Length,
                content,
                recipient,
                metadata = more,
            },
        };

    public static object Text(params object[] parts) => new { content_type = "text", parts };

    /// <summary>A chat of ChatGPT's export with these nodes.</summary>
    public static object ChatGpt(string id, string? title, string? current, params (string Id, object Node)[] nodes) => new
    {
        id,
        conversation_id = id,
        title,
        create_time = 1_756_000_000.123456,
        update_time = 1_756_000_400.654321,
        mapping = nodes.ToDictionary(node => node.Id, node => node.Node),
        current_node = current,
        default_model_slug = "gpt-5-thinking",
    };

    /// <summary>A chat of one question and one answer.</summary>
    public static object Simple(string id, string? title = "Simple", string question = "Where?", string answer = "Here.") => ChatGpt(
        id, title, "a", ("r", Node("r", null, null, null)), ("q", Node("q", "r", "user", Text(question))),
            ("a", Node("a", "q", "assistant", Text(answer))));
}
