using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Tests.Api.Matrix;

/// <summary>A provider's protocol: how it answers, and where its requests hold what was asked for.</summary>
internal abstract class StandIn
{
    public const int Prompt = 700;
    public const int Completion = 30;

    /// <summary>In the order of the README's table.</summary>
    public static readonly IReadOnlyList<StandIn> All =
        [new OpenAiStandIn(), new ResponsesStandIn(), new AnthropicStandIn(), new GeminiStandIn(), new OllamaStandIn()];

    public abstract string Kind { get; }

    public abstract string Model { get; }

    /// <summary>What is behind the host in the base URL.</summary>
    public virtual string BasePath => "";

    public abstract string Path { get; }

    public abstract string ContentType { get; }

    public abstract string Frame(JsonNode frame);

    /// <summary>The frames of an answer that is streamed.</summary>
    public abstract IEnumerable<JsonNode> Frames(Scene scene);

    public virtual string End => "";

    /// <summary>The whole answer, for a request without a stream; only its own protocol asks so.</summary>
    public virtual JsonNode Whole(Scene scene) => throw new NotSupportedException();

    public abstract JsonNode Error(string message);

    public abstract IReadOnlyList<string> Tools(JsonElement sent);

    /// <summary>auto, none, required or the tool's name; null = not sent.</summary>
    public abstract string? Choice(JsonElement sent);

    public abstract bool? Parallel(JsonElement sent);

    public abstract string? Stop(JsonElement sent);

    /// <summary>The schema of the answer; undefined = not sent.</summary>
    public abstract JsonElement Schema(JsonElement sent);

    /// <summary>What is sent about reasoning, as JSON text in the provider's own members.</summary>
    public abstract string Reasoning(JsonElement sent);

    /// <summary>The words by which this protocol asks for an effort, for these words of a client.</summary>
    public abstract string Reasoning(string effort);

    /// <summary>The text of the first tool result.</summary>
    public abstract string Result(JsonElement sent);

    /// <summary>The arguments of the first call in the history.</summary>
    public abstract JsonElement Arguments(JsonElement sent);

    public abstract double? Temperature(JsonElement sent);

    protected static JsonElement At(JsonElement element, params ReadOnlySpan<object> path)
    {
        foreach (var step in path)
        {
            if (step is string name)
            {
                element = element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var member) ? member : default;
            }
            else
            {
                element = element.ValueKind == JsonValueKind.Array && element.GetArrayLength() > (int)step ? element[(int)step] : default;
            }
        }

        return element;
    }

    protected static string? Word(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;

    protected static bool? Flag(JsonElement element) =>
        element.ValueKind is JsonValueKind.True or JsonValueKind.False ? element.GetBoolean() : null;

    protected static string Raw(JsonElement element) => element.ValueKind == JsonValueKind.Undefined ? "" : element.GetRawText();

    protected static IEnumerable<JsonElement> Items(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : default(JsonElement.ArrayEnumerator);

    protected static JsonElement Parse(string? json) => JsonSerializer.Deserialize<JsonElement>(json ?? "null");

    protected static JsonNode Node(object value) => JsonSerializer.SerializeToNode(value)!;
}
