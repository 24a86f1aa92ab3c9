namespace AiChat.Endpoints.Variables;

/// <summary>A text in the languages of the documents.</summary>
internal readonly record struct Words(string English, string Chinese)
{
    /// <summary>A text that is the same in both.</summary>
    public static implicit operator Words(string same) => new(same, same);
}
