using System.Text.Json;

namespace AiChat.Providers.Protocol;

/// <summary>
/// The mark at the end of what the next request says again, for Claude and for those who offer it (Claude docs and OpenRouter docs, "Prompt
/// caching"). All marks of a request last equally long, because a longer one may not follow a shorter one.
/// </summary>
/// <param name="IsWanted">Whether there is one.</param>
/// <param name="Ttl">How long it lasts; null = five minutes, the vendor's default.</param>
internal readonly record struct CacheMark(bool IsWanted, string? Ttl)
{
    /// <summary>How long an hour is called.</summary>
    public const string Hour = "1h";

    public CacheMark If(bool condition) => this with { IsWanted = IsWanted && condition };

    public void Write(Utf8JsonWriter json)
    {
        if (!IsWanted)
        {
            return;
        }

        json.WriteStartObject("cache_control");
        json.WriteString("type", "ephemeral");
        if (Ttl is not null)
        {
            json.WriteString("ttl", Ttl);
        }

        json.WriteEndObject();
    }
}
