using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// The tools of a Responses request as functions, which every protocol has: those of a namespace under a name that begins with it, and
/// those that take free text with one parameter for it. The answer's calls are turned back.
/// </summary>
internal sealed class ResponseTools(ForeignMembers foreign)
{
    /// <summary>The longest name of a function that all vendors take.</summary>
    private const int MaxName = 64;

    private const int HashLength = 8;

    /// <summary>The namespace of tools that are called by their bare names.</summary>
    private const string Bare = "functions";

    /// <summary>The parameter of a tool that takes free text.</summary>
    private const string Input = "input";

    private const string FreeText =
        """{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}""";

    private static readonly HashSet<string> FunctionMembers = new(StringComparer.Ordinal)
    {
        "type", "name", "description", "parameters", "strict", "defer_loading", "output_schema",
    };

    private readonly Dictionary<string, ToolOrigin> _origins = new(StringComparer.Ordinal);
    private readonly List<ChatTool> _tools = [];

    public IReadOnlyList<ChatTool> Tools => _tools;

    /// <summary>The tools that are named or written otherwise for the provider.</summary>
    public IReadOnlyDictionary<string, ToolOrigin> Origins => _origins;

    /// <summary>The provider may search the web itself.</summary>
    public ChatWebSearch? Search { get; private set; }

    /// <summary>The name under which a tool is known to the provider.</summary>
    public static string Flat(string? space, string name)
    {
        space = space == Bare ? null : space;
        var whole = string.IsNullOrEmpty(space) ? name : $"{space}__{name}";
        return string.IsNullOrEmpty(space) || whole.Length <= MaxName
            ? whole
            : whole[..(MaxName - HashLength)] + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(whole)))[..HashLength];
    }

    /// <summary>Free text as the arguments of a function.</summary>
    public static string Wrap(string text)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString(Input, text);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>The free text in the arguments of a function; arguments of another form are the text themselves.</summary>
    public static string Unwrap(string arguments)
    {
        try
        {
            using var document = JsonDocument.Parse(arguments);
            return document.RootElement.Text(Input) ?? arguments;
        }
        catch (JsonException)
        {
            return arguments;
        }
    }

    public void Read(JsonElement tool, string? space = null)
    {
        switch (tool.Required("type"))
        {
            case "function":
                foreign.AddUnknown(tool, FunctionMembers, "tools: ");
                Add(ToolMapping.Tool(tool, "parameters"), space, isCustom: false);
                break;
            case "custom":
                Add(Custom(tool), space, isCustom: true);
                break;
            case "namespace" when space is null:
                foreach (var inner in tool.Items("tools"))
                {
                    Read(inner, tool.Required("name"));
                }

                break;
            case "web_search" or "web_search_preview" or "web_search_2025_08_26" or "web_search_preview_2025_03_11":
                Search = WebSearchTool.Responses(tool, foreign);
                break;
            case var type:
                foreign.Add($"tools of type {type}");
                break;
        }
    }

    private void Add(ChatTool tool, string? space, bool isCustom)
    {
        space = space == Bare ? null : space;
        var name = Flat(space, tool.Name);
        if (space is not null || isCustom)
        {
            _origins[name] = new ToolOrigin(tool.Name, space, isCustom);
        }

        _tools.Add(tool with { Name = name });
    }

    // A grammar cannot be enforced elsewhere, so it is told.
    private static ChatTool Custom(JsonElement tool)
    {
        var description = new StringBuilder(tool.String("description"));
        var format = tool.Get("format");
        if (format.ValueKind == JsonValueKind.Object && format.String("type") == "grammar")
        {
            description.Append(description.Length == 0 ? "" : "\n\n");
            description.Append($"The input must follow this grammar ({format.String("syntax")}):\n{format.String("definition")}");
        }

        return new ChatTool(tool.Required("name"), description.ToString(), FreeText);
    }
}
