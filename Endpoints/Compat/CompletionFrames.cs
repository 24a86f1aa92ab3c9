using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// A provider's own frames of a chat completion on their way to a client of the same protocol. Everything in them goes on, but for what
/// is told by us: the model's name as the client knows it, and the first answer's tool calls, whose numbering servers get wrong.
/// </summary>
internal sealed class CompletionFrames
{
    /// <summary>Longest answer that is put together, in characters: several answers, or a sound in base64.</summary>
    private const int MaxCharacters = 16 * 1024 * 1024;

    private static readonly HashSet<string> Told = new(StringComparer.Ordinal) { "id", "object", "created", "model", "choices" };

    private static readonly JsonElement NoChoices = JsonDocument.Parse("[]").RootElement.Clone();

    private readonly SortedDictionary<int, MergedJson> _choices = [];
    private readonly MergedJson _rest = new();
    private int _characters;

    /// <summary>The provider's own number of the answer, and when it began.</summary>
    public string? Id { get; private set; }

    public long? Created { get; private set; }

    /// <summary>The first answer's end has been told.</summary>
    public bool HasEnd { get; private set; }

    public bool HasUsage { get; private set; }

    /// <summary>Takes note of what stands in every frame alike.</summary>
    public void See(JsonElement frame)
    {
        Id ??= frame.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String && LenientJson.Read(id) is { Length: > 0 } text ? text : null;
        Created ??= frame.TryGetProperty("created", out var created) && created.ValueKind == JsonValueKind.Number && created.TryGetInt64(out var at) ? at : null;
    }

    /// <summary>Only tokens used, no answer.</summary>
    public static bool IsUsage(JsonElement frame) => Choices(frame).GetArrayLength() == 0;

    /// <summary>Writes a chunk's members behind its head.</summary>
    public void WriteChunk(Utf8JsonWriter json, JsonElement frame, bool withUsage, bool hasCalls)
    {
        json.WriteStartArray("choices");
        foreach (var choice in Choices(frame).EnumerateArray())
        {
            WriteChoice(json, choice, hasCalls);
        }

        json.WriteEndArray();
        foreach (var member in frame.EnumerateObject().Where(member => !Told.Contains(member.Name)))
        {
            var isUsage = member.NameEquals("usage");
            HasUsage |= isUsage && withUsage && member.Value.ValueKind == JsonValueKind.Object;
            if (!isUsage || withUsage)
            {
                member.WriteTo(json);
            }
        }
    }

    /// <summary>Adds a chunk, or a whole completion, to the answer that is given at the end.</summary>
    public void Gather(JsonElement frame)
    {
        foreach (var member in frame.EnumerateObject().Where(member => !Told.Contains(member.Name)))
        {
            _characters += _rest.Member(member.Name).Set(member.Value);
        }

        foreach (var choice in Choices(frame).EnumerateArray().Where(choice => choice.ValueKind == JsonValueKind.Object))
        {
            var index = Index(choice);
            if (!_choices.TryGetValue(index, out var whole))
            {
                _choices[index] = whole = new MergedJson();
            }

            foreach (var member in choice.EnumerateObject().Where(member => !member.NameEquals("index")))
            {
                _characters += IsDelta(member) ? whole.Member("message").Add(member.Value)
                    : member.NameEquals("logprobs") ? whole.Member("logprobs").Add(member.Value)
                    : whole.Member(member.Name).Set(member.Value);
            }
        }

        if (_characters > MaxCharacters)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server passes on.");
        }
    }

    /// <summary>Writes what was gathered behind the head of a completion.</summary>
    /// <param name="calls">Writes the first answer's tool calls.</param>
    /// <param name="finish">How the first answer ended.</param>
    public void WriteWhole(Utf8JsonWriter json, Action<Utf8JsonWriter> calls, string finish)
    {
        json.WriteStartArray("choices");
        foreach (var (index, choice) in _choices)
        {
            json.WriteStartObject();
            json.WriteNumber("index", index);
            json.WriteStartObject("message");
            WriteMessage(json, choice.Member("message"), index == 0 ? calls : null);
            json.WriteEndObject();
            foreach (var name in (string[])["logprobs", "finish_reason"])
            {
                choice.Member(name);
            }

            foreach (var (name, member) in choice.Members!.Where(member => member.Key != "message"))
            {
                json.WritePropertyName(name);
                if (index == 0 && name == "finish_reason")
                {
                    json.WriteStringValue(finish);
                }
                else
                {
                    member.WriteTo(json);
                }
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        foreach (var (name, member) in _rest.Members ?? new Dictionary<string, MergedJson>())
        {
            HasUsage |= name == "usage" && member.Members is not null;
            if (name != "usage" || HasUsage)
            {
                json.WritePropertyName(name);
                member.WriteTo(json);
            }
        }
    }

    private static void WriteMessage(Utf8JsonWriter json, MergedJson message, Action<Utf8JsonWriter>? calls)
    {
        foreach (var name in (string[])["role", "content", "refusal"])
        {
            message.Member(name);
        }

        foreach (var (name, member) in message.Members!.Where(member => calls is null || member.Key != "tool_calls"))
        {
            json.WritePropertyName(name);
            if (name == "role")
            {
                json.WriteStringValue("assistant"); // not every server says it
            }
            else
            {
                member.WriteTo(json);
            }
        }

        calls?.Invoke(json);
    }

    private void WriteChoice(Utf8JsonWriter json, JsonElement choice, bool hasCalls)
    {
        if (choice.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var isFirst = Index(choice) == 0;
        json.WriteStartObject();
        foreach (var member in choice.EnumerateObject())
        {
            if (isFirst && IsDelta(member) && member.Value.ValueKind == JsonValueKind.Object)
            {
                json.WriteStartObject("delta");
                foreach (var part in member.Value.EnumerateObject().Where(part => !part.NameEquals("tool_calls")))
                {
                    part.WriteTo(json);
                }

                json.WriteEndObject();
            }
            else if (isFirst && member.NameEquals("finish_reason") && member.Value.ValueKind == JsonValueKind.String)
            {
                // Some servers say "stop" after tool calls; clients go by the word.
                HasEnd = true;
                json.WriteString("finish_reason", hasCalls && member.Value.ValueEquals("stop") ? "tool_calls" : LenientJson.Read(member.Value));
            }
            else if (IsDelta(member))
            {
                json.WritePropertyName("delta");
                member.Value.WriteTo(json);
            }
            else
            {
                member.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    /// <summary>A server that answers whole says message for delta.</summary>
    private static bool IsDelta(JsonProperty member) => member.NameEquals("delta") || member.NameEquals("message");

    private static int Index(JsonElement choice) =>
        choice.TryGetProperty("index", out var index) && index.ValueKind == JsonValueKind.Number && index.TryGetInt32(out var value) ? value : 0;

    private static JsonElement Choices(JsonElement frame) =>
        frame.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array ? choices : NoChoices;
}
